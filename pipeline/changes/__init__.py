"""What changed since the last build: what a build is compared by, how two of them differ, and the words for it."""
