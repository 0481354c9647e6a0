"""What tests stand on: real servers, started once and ended for certain."""
