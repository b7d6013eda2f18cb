"""The authority. In: tokens and certificate requests. Out: device identities, renewed and revoked."""
