//! The agent-coordinator link as a codec and two state machines. Owned by a helper; to be written.
