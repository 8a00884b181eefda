"""The checking passes: from syntax nodes to the typed tree."""
