"""Training on what a hospital has: its studies, masks of its people, its reports."""
