"""How the bundled backbone was made: generated scenes, meta-learning on strokes, export."""
