"""The heads: what turns VGG-16's features into class scores, one module each."""
