"""What every client shares: endpoints, proxies and certificates, limits of time and size."""
