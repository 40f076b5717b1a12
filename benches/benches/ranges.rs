//! Times map, translate, protect and unmap of 1 GiB of small pages, ours beside everybody else's.
//!
//! `cargo bench -p ptgen-benches -- [ROUNDS] [best]`; without `--bench` (as `cargo test --benches` calls it) everybody is only
//! verified.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn main() -> Result<(), String> {
    use ptgen_benches::{arena, judge, measure, peers, report};

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rounds = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(31);
    let arena = arena::Arena::new().map_err(|error| format!("no arena: {error}"))?;
    let mut peers = peers::all(arena);
    for peer in &mut peers {
        judge::verify(arena, &mut **peer).map_err(|error| format!("{}: {error}", peer.name()))?;
    }
    println!("{} peers do what they say, page by page", peers.len());
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    if !arena::pin_to_one_processor() {
        println!("not pinned to one processor: expect noise");
    }
    let is_best = arguments.iter().any(|argument| argument == "best");
    let statistic = if is_best { measure::Statistic::Best } else { measure::Statistic::Median };
    let times = measure::rounds(&mut peers, rounds, statistic);
    let rows: Vec<report::Row> = peers.iter().map(|peer| peer.name()).zip(times).collect();
    println!("{statistic:?} of {rounds} rounds");
    print!("{}\n{}", report::table(&rows), report::aims(&rows));
    Ok(())
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn main() {
    println!("the peers need x86-64 and Linux: nothing is timed here");
}
