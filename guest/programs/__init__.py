"""Guest programs: the servers, and small ones that tests use."""
