"""Rule files: from YAML to a ruleset, or to everything that is wrong with it."""
