//! AWS's partitions: clouds with hosts and accounts of their own, told apart by how the names of their regions begin.

/// One of them. Its suffixes are those of botocore's `endpoints.json`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    /// How ARNs write it.
    pub(crate) name: &'static str,
    /// How the names of its regions begin.
    prefix: &'static str,
    suffix: &'static str,
    dual_stack_suffix: &'static str,
}

const fn partition(
    name: &'static str,
    prefix: &'static str,
    suffix: &'static str,
    dual_stack_suffix: &'static str,
) -> Partition {
    Partition { name, prefix, suffix, dual_stack_suffix }
}

/// Where most regions are; the names of its regions begin in many ways.
const AWS: Partition = partition("aws", "", "amazonaws.com", "api.aws");

const OTHERS: [Partition; 7] = [
    partition("aws-us-gov", "us-gov-", "amazonaws.com", "api.aws"),
    partition("aws-cn", "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    partition("aws-eusc", "eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    partition("aws-iso-b", "us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    partition("aws-iso-f", "us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    partition("aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    partition("aws-iso", "us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
];

impl Partition {
    /// The partition that a region is in.
    pub(crate) fn of(region: &str) -> &'static Partition {
        OTHERS.iter().find(|other| region.starts_with(other.prefix)).unwrap_or(&AWS)
    }

    /// AWS's own host for a service, by the name that it has in hosts.
    pub(crate) fn host(&self, service: &str, region: &str, dual_stack: bool) -> String {
        let suffix = if dual_stack { self.dual_stack_suffix } else { self.suffix };
        format!("{service}.{region}.{suffix}")
    }
}
