"""What a person does, page by page, in a browser."""

import asyncio

from playwright.async_api import Page, expect

from tests.harness.fake_x import FakeAccount, FakePost, FakeX
from tests.peers.pds import Account


async def go_to_bluesky(page: Page, typed: str) -> None:
    """Types an account at the instance, and is sent to its server."""
    await page.goto("/sign-in")
    await page.get_by_label("Your Bluesky or Mastodon account").fill(typed)
    await page.get_by_role("button", name="Continue").click()


async def agree_at_pds(page: Page, account: Account) -> None:
    """Signs in at the real page of the PDS, and agrees; the last click leads back to the instance."""
    name = page.get_by_role("textbox", name="Username or Email")
    # Where no name was typed here, the server asks for it, after a welcome.
    await expect(name.or_(page.get_by_role("button", name="Sign in")).first).to_be_visible()
    if not await name.is_visible():
        await page.get_by_role("button", name="Sign in").click()
    if await name.is_editable():
        await name.fill(account.handle)
    await page.get_by_role("textbox", name="Password").fill(account.password)
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Authorize").click()


async def sign_in_with_bluesky(page: Page, account: Account) -> None:
    """From nothing to the first page of a new member."""
    await go_to_bluesky(page, account.handle)
    await agree_at_pds(page, account)
    await expect(page.locator("h1")).to_have_text("Prove your X account")


async def post_the_sentence(page: Page, x: FakeX, author: FakeAccount) -> FakePost:
    """Posts the sentence of the page, and gives its link."""
    sentence = await page.locator("#sentence").inner_text()
    post = await asyncio.to_thread(x.post, author, sentence)
    await page.get_by_label("Link of the post").fill(post.url)
    await page.get_by_role("button", name="Check it").click()
    return post


async def publish_first(page: Page) -> None:
    """Agrees, and publishes what is offered."""
    await expect(page.locator("h1")).to_have_text("What shall be public?")
    await page.get_by_label("I agree that this is published").check()
    await page.get_by_role("button", name="Publish").click()
    await expect(page.locator("h1")).to_have_text("You can be found now")
