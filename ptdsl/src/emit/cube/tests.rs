//! Conditions, before and after they are merged, on every word of eight bits.

use super::*;

/// A generator of numbers, the same at every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn test(&mut self, depth: u32) -> Test {
        match self.roll(if depth == 0 { 2 } else { 6 }) {
            0 | 1 => {
                let mask = u128::from(self.roll(256) & self.roll(256));
                Test::Equal { mask, value: u128::from(self.roll(256)) & mask }
            }
            2 => Test::Not(Box::new(self.test(depth - 1))),
            3 | 4 => Test::All((0..=self.roll(3)).map(|_| self.test(depth - 1)).collect()),
            _ => Test::Any((0..=self.roll(3)).map(|_| self.test(depth - 1)).collect()),
        }
    }
}

fn direct(test: &Test, word: u128) -> bool {
    match test {
        Test::Always => true,
        Test::Never | Test::Address { .. } => false,
        Test::Equal { mask, value } => word & mask == *value,
        Test::Not(test) => !direct(test, word),
        Test::All(tests) => tests.iter().all(|test| direct(test, word)),
        Test::Any(tests) => tests.iter().any(|test| direct(test, word)),
    }
}

#[test]
fn merging_changes_no_answer() {
    let mut dice = Dice(7);
    for _ in 0..4000 {
        let test = dice.test(4);
        let formula = Formula::of(&test, &|_, _| unreachable!("no addresses"));
        let expr = formula.expr(&Expr::var("w"));
        let known = Cube::new(u128::from(dice.roll(256) & dice.roll(256)), u128::from(dice.roll(256)));
        let left = formula.clone().assuming(&known);
        assert_eq!(left.support() & known.mask, 0, "{left:?} looks at what {known:?} tells");
        for word in 0..256u64 {
            let meant = direct(&test, u128::from(word));
            assert_eq!(formula.holds(u128::from(word)), meant, "{test:?} became {formula:?} for {word:#x}");
            assert_eq!(expr.value(&|_| word) != 0, meant, "{test:?} became {expr:?} for {word:#x}");
            if u128::from(word) & known.mask == known.value {
                assert_eq!(left.holds(u128::from(word)), meant, "{test:?} became {left:?} for {word:#x}");
            }
        }
    }
}

fn equal(mask: u128, value: u128) -> Formula {
    Formula::Equal(Cube::new(mask, value))
}

#[test]
fn a_conjunction_is_one_comparison() {
    let all = Formula::all(vec![equal(1, 1), equal(0x80, 0), equal(0xf00, 0)]);
    assert_eq!(all, equal(0xf81, 1));
    assert_eq!(Formula::all(vec![equal(1, 1), equal(3, 2)]), Formula::Known(false));
}

#[test]
fn single_bits_are_one_comparison() {
    let any = Formula::any(vec![equal(2, 2), equal(4, 4), equal(8, 8)]);
    assert_eq!(any, Formula::Unequal(Cube::new(0xe, 0)));
}

#[test]
fn alternatives_share_what_they_share() {
    // Bits 7..4 must be 0 or 0xf; bit 0 is set in both, bit 1 only in one.
    let any = Formula::any(vec![equal(0xf1, 0x01), equal(0xf3, 0xf3)]);
    let Formula::All(parts) = &any else { panic!("{any:?}") };
    assert_eq!(parts[0], equal(1, 1));
    assert_eq!(Formula::any(vec![equal(0x13, 0x11), equal(0x13, 0x01)]), equal(3, 1));
}

#[test]
fn parameters_stay_in_the_mask() {
    let above =
        ParametricBits { bits: 0xf_f000, parameter: "width".into(), rule: ParametricRule::AtOrAbove { shift: 0 } };
    let bit = ParametricBits { bits: 0xff_f000, parameter: "c_bit".into(), rule: ParametricRule::NotAt };
    let mask = Mask { fixed: 0xf0_0080, parametric: vec![above, bit] };
    let formula = Formula::all(vec![equal(1, 1), Formula::equal(&mask, 0)]);
    let expr = formula.expr(&Expr::var("w"));
    for (width, c_bit) in (12..20).flat_map(|width| (12..23).map(move |c_bit| (width, c_bit))) {
        for word in (0..0x100_0000u64).step_by(0xff7) {
            let looked_at = (0xf0_0000 | 0xf_f000 >> width << width) & !(1 << c_bit) | 0x81;
            let value = expr.value(&|name| match name {
                "w" => word,
                "f.width" => width,
                _ => c_bit,
            });
            assert_eq!(value != 0, word & looked_at == 1, "{word:#x} at {width}, {c_bit}");
        }
    }
}
