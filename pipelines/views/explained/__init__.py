"""What curation found in one video, kept and rejected, and why: the findings, as text and as a page."""
