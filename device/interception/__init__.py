"""How traffic reaches us. A connection: a socket, the client, the real server. A capture: frames, segments, dialogues."""
