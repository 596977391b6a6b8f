"""Reading image files of every kind, hostile ones included."""
