"""Mail that tells people: administrators of what recipients do, recipients of what administrators decide."""
