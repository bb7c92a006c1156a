"""The tests of embeddb."""
