"""From instances to one stack ``[phase, slice, row, column]`` with patient geometry."""
