"""Published video models as `VideoBackbone`s: frozen, with the paper's personalization layers in their blocks (3.2)."""
