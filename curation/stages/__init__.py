"""The steps of curation, one file each; a stage knows neither its neighbours nor the executor."""
