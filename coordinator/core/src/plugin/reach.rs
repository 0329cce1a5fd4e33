//! Which addresses a plugin may talk to. Checked on the resolved address, right before the
//! connection, so that a name cannot be made to point elsewhere afterwards.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use goshawk_proto::settings::Value;

/// Where a receiver may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Anywhere.
    #[default]
    Any,
    /// On this machine or in its private network: what is sent never leaves the house.
    Private,
    /// On the public internet only.
    Public,
}

impl Value for Reach {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "any" => Ok(Self::Any),
            "private" => Ok(Self::Private),
            "public" => Ok(Self::Public),
            other => Err(format!("`{other}` is none of `any`, `private`, `public`")),
        }
    }
}

impl Reach {
    /// Whether an address may be talked to. No mode reaches what is no single machine (unspecified,
    /// multicast, broadcast), nor link-local addresses, behind which clouds keep credentials.
    pub fn allows(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if is_nobody(address) {
            return false;
        }
        match self {
            Self::Any => true,
            Self::Private => is_private(address),
            Self::Public => !is_private(address),
        }
    }
}

fn is_nobody(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_unspecified()
                || v4.octets()[0] == 0
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.is_link_local()
        }
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_multicast() || v6.is_unicast_link_local(),
    }
}

/// Whether an address is of this machine or of a private network.
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || is_shared(v4),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || embeds_private(v6),
    }
}

/// 100.64.0.0/10, behind carriers' address translation and in private overlays.
fn is_shared(v4: Ipv4Addr) -> bool {
    v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64
}

/// 64:ff9b::/96 and the deprecated ::/96 hold an IPv4 address, which decides.
fn embeds_private(v6: Ipv6Addr) -> bool {
    let s = v6.segments();
    let translated = s[..6] == [0x64, 0xff9b, 0, 0, 0, 0] || s[..6] == [0; 6];
    let [.., a, b] = s;
    let [a, b, c, d] = [(a >> 8) as u8, a as u8, (b >> 8) as u8, b as u8];
    translated && {
        let v4 = Ipv4Addr::new(a, b, c, d);
        v4.is_loopback() || v4.is_private() || is_shared(v4) || v4.is_link_local()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, private: bool, public: bool) {
        let ip: IpAddr = address.parse().unwrap();
        let got = (Reach::Private.allows(ip), Reach::Public.allows(ip));
        assert_eq!(got, (private, public), "{address}");
        assert_eq!(Reach::Any.allows(ip), private || public, "{address}");
    }

    #[test]
    fn addresses_are_sorted() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.5",
            "100.64.0.1",
            "::1",
            "fd12::1",
            "::ffff:192.168.0.1",
            "64:ff9b::a00:1",
        ] {
            check(private, true, false);
        }
        for public in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1"] {
            check(public, false, true);
        }
        for nobody in [
            "0.0.0.0",
            "0.1.2.3",
            "255.255.255.255",
            "224.0.0.1",
            "169.254.169.254",
            "::",
            "ff02::1",
            "fe80::1",
            "::ffff:169.254.169.254",
        ] {
            check(nobody, false, false);
        }
    }
}
