"""The subject of a clip by its motion, camera motion removed, and its outline by a small network."""
