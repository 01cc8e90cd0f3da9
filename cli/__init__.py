"""The command line of operators, agencies and citizens."""
