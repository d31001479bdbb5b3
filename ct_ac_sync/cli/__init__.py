"""The command line: for the operator, the on-call engineer and the curious."""
