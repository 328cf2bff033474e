"""Result objects: Structured Report and Secondary Capture images."""
