"""The parts of pty_server: the HTTP side of the parent, and the workers that join a WebSocket to a shell's terminal."""
