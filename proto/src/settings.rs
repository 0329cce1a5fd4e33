//! Daemon settings. To be written.
