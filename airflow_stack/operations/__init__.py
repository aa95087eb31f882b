"""What one does to a stack: prepare its machine, bring it up, look at it, take it down."""
