// The page to try the API at works under its policy.

import { DESKTOP, fits, PHONE, scenario, SCREENSHOTS } from './kit.mjs';

await scenario(async (shop) => {
  for (const [size, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
    const page = await shop.open('/docs/', { viewport });
    await page.getByText('/api/v1/purchases', { exact: true }).first().waitFor();
    await fits(page, `docs-${size}`);
    await page.screenshot({ path: `${SCREENSHOTS}/docs-${size}.png` });
    await page.locator('#operations-products-listProducts').click();
    await page.getByRole('button', { name: 'Try it out' }).click();
    await page.getByRole('button', { name: 'Execute' }).click();
    await page.locator('.live-responses-table .response-col_status', { hasText: '200' }).waitFor();
  }
});
