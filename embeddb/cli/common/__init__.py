"""What the commands share: options, opening a store, output, errors."""
