"""Critics: how natural each part of a generated image looks, apart from what it shows."""
