"""marshmallow, and nothing else: wire JSON to frozen values and back."""
