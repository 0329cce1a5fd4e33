//! A camera to test against: serves a clip over RTSP, and makes the demo clip.

fn main() {}
