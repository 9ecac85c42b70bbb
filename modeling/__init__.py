"""The personalization model: data, architecture, training and sampling (sections 3.2 and B)."""
