"""Arrays in, arrays out: one module for each thing people do."""
