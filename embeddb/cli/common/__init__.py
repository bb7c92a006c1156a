"""What several commands share: options, connecting, printing, errors."""
