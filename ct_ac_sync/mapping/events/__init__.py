"""What happened: read off two states of a record, or a message; pure and total."""
