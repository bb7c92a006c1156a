"""Tables of an application that collections follow."""
