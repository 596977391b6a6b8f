"""Starting weights of a network, before its first step."""
