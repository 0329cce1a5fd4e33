//! A meter as metrics: `model_runs_total`, `model_inputs_total` and `model_seconds_total`, each by
//! model. Models are those that were opened, so the labels are bounded by the pack.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeCounterValue, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter},
};

use super::{ModelUsage, UsageMeter};

impl Collector for UsageMeter {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let all = self.read();
        let to = &mut encoder;
        family(to, "model_runs", "Runs of a model", &all, |of| of.runs)?;
        let help = "Inputs that a model ran on, one or more a run";
        family(to, "model_inputs", help, &all, |of| of.inputs)?;
        let help = "Time spent inside a model, in seconds";
        family(to, "model_seconds", help, &all, |of| of.time.as_secs_f64())
    }
}

fn family<V: EncodeCounterValue>(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    all: &[ModelUsage],
    value: impl Fn(&ModelUsage) -> V,
) -> fmt::Result {
    let mut family = to.encode_descriptor(name, help, None, MetricType::Counter)?;
    for of in all {
        let labels = [("model", of.model.as_str())];
        ConstCounter::new(value(of)).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus_client::{encoding::text::encode, registry::Registry};

    use super::*;

    #[test]
    fn each_model_has_its_lines() {
        let meter = UsageMeter::default();
        meter.counter("mesh").add(3, Duration::from_millis(1500));
        let mut registry = Registry::with_prefix("goshawk");
        registry.register_collector(Box::new(meter));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "goshawk_model_runs_total{model=\"mesh\"} 1",
            "goshawk_model_inputs_total{model=\"mesh\"} 3",
            "goshawk_model_seconds_total{model=\"mesh\"} 1.5",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line} is not in\n{text}"
            );
        }
    }
}
