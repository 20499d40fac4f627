"""What the paper compares with: tuned weights, Neural Best-Buddies, silenced units."""
