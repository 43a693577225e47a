"""The same stories, unchanged: a receiver that fails, a restart, real feeds polled twice, ten minutes of the press."""

from tests.stories import test_demo_world, test_dev_feeds, test_webhooks

_STORIES = (test_webhooks, test_dev_feeds, test_demo_world)
globals().update({name: told for story in _STORIES for name, told in vars(story).items() if name.startswith("test_")})
globals().update({name: getattr(test_dev_feeds, name) for name in ("served",)})
globals().update({name: getattr(test_demo_world, name) for name in ("world",)})
