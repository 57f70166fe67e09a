//! Where a call is made from, and through which door it goes: a geography's inference profile, the global one, or
//! the region itself.

use std::fmt;

/// A group of regions that a cross-region inference profile spreads calls over; the profile's prefix names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Geography {
    /// `us.`
    Us,
    /// `eu.`
    Eu,
    /// `apac.`
    Apac,
    /// `jp.`
    Jp,
    /// `au.`
    Au,
    /// `in.`
    In,
    /// `us-gov.`
    UsGov,
    /// `global.`: every commercial region.
    Global,
}

impl Geography {
    /// All of them. `us-gov` stands before `us`, so that a prefix is matched whole.
    pub const ALL: [Geography; 8] = [
        Geography::UsGov,
        Geography::Us,
        Geography::Eu,
        Geography::Apac,
        Geography::Jp,
        Geography::Au,
        Geography::In,
        Geography::Global,
    ];

    /// The prefix of its profiles, without the dot.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Geography::Us => "us",
            Geography::Eu => "eu",
            Geography::Apac => "apac",
            Geography::Jp => "jp",
            Geography::Au => "au",
            Geography::In => "in",
            Geography::UsGov => "us-gov",
            Geography::Global => "global",
        }
    }

    /// The geography of that prefix.
    #[must_use]
    pub fn parse(prefix: &str) -> Option<Geography> {
        Geography::ALL.into_iter().find(|geography| geography.as_str() == prefix)
    }

    /// The geographies that a region belongs to, the narrowest first. A region that AWS puts into none (Canada,
    /// South America, the Middle East, Africa) has none, so that no prompt leaves for elsewhere by a guess of ours.
    #[must_use]
    pub fn of_region(region: &str) -> &'static [Geography] {
        match region {
            _ if region.starts_with("us-gov-") => &[Geography::UsGov],
            _ if region.starts_with("us-") => &[Geography::Us],
            _ if region.starts_with("eu-") => &[Geography::Eu],
            "ap-northeast-1" | "ap-northeast-3" => &[Geography::Jp, Geography::Apac],
            "ap-southeast-2" | "ap-southeast-4" => &[Geography::Au, Geography::Apac],
            "ap-south-1" | "ap-south-2" => &[Geography::In, Geography::Apac],
            _ if region.starts_with("ap-") => &[Geography::Apac],
            _ => &[],
        }
    }
}

impl fmt::Display for Geography {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

/// The door that a call goes through. Prices differ by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    /// A cross-region inference profile.
    Profile(Geography),
    /// The model's bare id, served in the region that is called.
    InRegion,
    /// The `bedrock-mantle` endpoint.
    Mantle,
}

impl fmt::Display for Via {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Via::Profile(geography) => geography.as_str(),
            Via::InRegion => "in-region",
            Via::Mantle => "mantle",
        })
    }
}

/// Which door is tried first, among those that the model has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preference {
    /// The region's own geography, then `global.`, then the region.
    #[default]
    Geographic,
    /// `global.` first: it is the cheapest, and has the most capacity.
    Global,
    /// The region first.
    InRegion,
}

/// How far a prompt may travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Wherever Bedrock runs.
    #[default]
    Anywhere,
    /// Within the region's geography.
    Geography,
    /// Within the region.
    Region,
}

/// Where a call is made from, and what its operator prefers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The AWS region that is called: `eu-west-1`.
    pub region: String,
    /// A geography to use in place of the region's own.
    pub geography: Option<Geography>,
    /// Which door is tried first.
    pub preference: Preference,
    /// How far prompts may travel.
    pub reach: Reach,
}

impl Place {
    /// A region with everything else at its default.
    #[must_use]
    pub fn new(region: impl Into<String>) -> Place {
        Place {
            region: region.into(),
            geography: None,
            preference: Preference::default(),
            reach: Reach::default(),
        }
    }

    /// Whether the region is one of GovCloud, which global profiles and commercial prices do not reach.
    #[must_use]
    pub fn is_government(&self) -> bool {
        self.region.starts_with("us-gov-")
    }

    /// Whether a prompt may go through that door.
    #[must_use]
    pub fn permits(&self, via: Via) -> bool {
        match (self.reach, via) {
            (Reach::Anywhere, _) | (_, Via::InRegion | Via::Mantle) => true,
            (Reach::Geography, Via::Profile(Geography::Global)) => false,
            (Reach::Geography, Via::Profile(geography)) => self.geographies().contains(&geography),
            (Reach::Region, Via::Profile(_)) => false,
        }
    }

    /// The doors to try, in order.
    pub fn doors(&self) -> impl Iterator<Item = Via> {
        let profiles = || self.geographies().iter().copied().map(Via::Profile);
        let global = (!self.is_government()).then_some(Via::Profile(Geography::Global));
        let [first, second, third]: [Doors; 3] = match self.preference {
            Preference::Geographic => [Doors::Geography, Doors::Global, Doors::Region],
            Preference::Global => [Doors::Global, Doors::Geography, Doors::Region],
            Preference::InRegion => [Doors::Region, Doors::Geography, Doors::Global],
        };
        [first, second, third].into_iter().flat_map(move |doors| {
            let (geographies, other) = match doors {
                Doors::Geography => (Some(profiles()), None),
                Doors::Global => (None, global),
                Doors::Region => (None, Some(Via::InRegion)),
            };
            geographies.into_iter().flatten().chain(other)
        })
    }

    fn geographies(&self) -> &[Geography] {
        match &self.geography {
            Some(chosen) => std::slice::from_ref(chosen),
            None => Geography::of_region(&self.region),
        }
    }
}

/// A group of doors.
enum Doors {
    Geography,
    Global,
    Region,
}
