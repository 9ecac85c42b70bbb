"""Entity words to boxes by GroundingDINO, boxes to masks by SAM: an `EntityLocator` of two networks (3.1)."""
