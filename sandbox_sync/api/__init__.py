"""What sandbox_sync answers over HTTP: webhooks in, pages and health out."""
