"""What a network's weights are before its first step."""
