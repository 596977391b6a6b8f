"""Parts of the pages that are made of the code when they are built."""
