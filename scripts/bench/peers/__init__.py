"""What our figures are compared with. Nothing here is imported by the product."""
