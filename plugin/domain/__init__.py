"""Rules of the field as plain data and pure functions; standard library only."""
