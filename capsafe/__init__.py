"""capsafe: a sandbox whose type says what code may do."""
