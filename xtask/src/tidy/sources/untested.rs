//! Takes out what only tests compile: `#[cfg(test)]` and `#[test]`.

use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Block, ImplItem, Item, ItemImpl, ItemMod, ItemTrait, Meta, Stmt, Token, TraitItem};

/// The items of a file that are no tests, nor hold any.
pub(super) fn items(mut file: syn::File) -> Vec<Item> {
    file.items.retain(|item| !is_test(of_item(item)));
    Untested.visit_file_mut(&mut file);
    file.items
}

struct Untested;

impl VisitMut for Untested {
    fn visit_item_mod_mut(&mut self, module: &mut ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| !is_test(of_item(item)));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, block: &mut ItemImpl) {
        block.items.retain(|item| !is_test(of_impl_item(item)));
        visit_mut::visit_item_impl_mut(self, block);
    }

    fn visit_item_trait_mut(&mut self, item: &mut ItemTrait) {
        item.items.retain(|item| !is_test(of_trait_item(item)));
        visit_mut::visit_item_trait_mut(self, item);
    }

    fn visit_block_mut(&mut self, block: &mut Block) {
        block.stmts.retain(|statement| !is_test(of_statement(statement)));
        visit_mut::visit_block_mut(self, block);
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let is_test = attribute.path().segments.last().is_some_and(|last| last.ident == "test");
        let is_cfg = attribute.path().is_ident("cfg");
        is_test || is_cfg && attribute.parse_args().is_ok_and(|condition| needs_test(&condition))
    })
}

/// Whether a condition of `cfg` holds in tests alone.
fn needs_test(condition: &Meta) -> bool {
    let Meta::List(list) = condition else { return condition.path().is_ident("test") };
    let Ok(inner) = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) else {
        return false;
    };
    match list.path.get_ident() {
        Some(all) if all == "all" => inner.iter().any(needs_test),
        Some(any) if any == "any" => inner.iter().all(needs_test),
        _ => false,
    }
}

fn of_item(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn of_impl_item(item: &ImplItem) -> &[Attribute] {
    match item {
        ImplItem::Const(item) => &item.attrs,
        ImplItem::Fn(item) => &item.attrs,
        ImplItem::Type(item) => &item.attrs,
        ImplItem::Macro(item) => &item.attrs,
        _ => &[],
    }
}

fn of_trait_item(item: &TraitItem) -> &[Attribute] {
    match item {
        TraitItem::Const(item) => &item.attrs,
        TraitItem::Fn(item) => &item.attrs,
        TraitItem::Type(item) => &item.attrs,
        TraitItem::Macro(item) => &item.attrs,
        _ => &[],
    }
}

fn of_statement(statement: &Stmt) -> &[Attribute] {
    match statement {
        Stmt::Local(local) => &local.attrs,
        Stmt::Item(item) => of_item(item),
        Stmt::Macro(call) => &call.attrs,
        Stmt::Expr(..) => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_in_tests_alone_or_not() {
        let check = |condition: &str, expect: bool| {
            let parsed = syn::parse_str(condition).unwrap();
            assert_eq!(needs_test(&parsed), expect, "{condition}");
        };
        check("test", true);
        check("all(unix, test)", true);
        check("any(test, all(test, unix))", true);
        check("any(test, feature = \"conformance\")", false);
        check("not(test)", false);
        check("feature = \"test\"", false);
    }

    #[test]
    fn tests_are_taken_out_wherever_they_stand() {
        let source = "
            #[test] fn a() {}
            #[tokio::test] async fn b() {}
            #[cfg(test)] use c::d;
            impl E { #[cfg(test)] fn f() {} fn kept() {} }
            trait G { #[cfg(test)] fn h(); fn kept(); }
            fn kept() { #[cfg(test)] let i = 1; #[cfg(test)] j!(); #[cfg(test)] fn k() {} kept() }
            mod l { #[cfg(test)] mod m {} }
        ";
        let kept = items(syn::parse_file(source).unwrap());
        assert_eq!(kept.len(), 4);
        let (Item::Impl(block), Item::Trait(joint), Item::Fn(function), Item::Mod(module)) =
            (&kept[0], &kept[1], &kept[2], &kept[3])
        else {
            panic!("an impl, a trait, a function and a module")
        };
        assert_eq!((block.items.len(), joint.items.len(), function.block.stmts.len()), (1, 1, 1));
        assert!(module.content.as_ref().unwrap().1.is_empty());
    }
}
