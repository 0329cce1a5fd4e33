//! The limit of `api.requests`: a handler that returns its first argument as JSON, whatever is asked.
//! Prints its address.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a command line prints")]

use anyhow::Context;
use warp::Filter;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let constant = std::env::args()
        .nth(1)
        .context("what should be returned?")?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let answer = warp::body::bytes().map(move |_| {
        warp::reply::with_header(constant.clone(), "content-type", "application/json")
    });
    warp::serve(answer).incoming(listener).run().await;
    Ok(())
}
